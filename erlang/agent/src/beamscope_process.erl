%% @doc Questions about one process and those around it: the keys of its dictionary, its children, its links. The same
%% source runs loaded and interpreted; see `beamscope_processes' for what that asks of it.
%%
%% What it spares the node. What is read of all processes is read by list BIFs, and kept in a private ETS table, which goes
%% with the process that asks. No process is sent a message: who is a supervisor, and whose child somebody is, is read from
%% `process_info'.
-module(beamscope_process).

-export([keys/1, children/1, links/1]).

-export_type([children_spec/0, children/0, links_spec/0]).

%% Characters of the name of a port.
-define(PORT_NAME, 300).
%% Bytes in external format of a key of a dictionary that is told whole.
-define(DICTIONARY_KEY, 300).
%% Processes of a tree that are looked at.
-define(TREE, 5000).
%% Linked processes that are asked for their dictionaries, where the release cannot tell parents otherwise.
-define(CANDIDATES, 1000).
%% Neighbours whose own links are looked at, and links from which on no further neighbour is.
-define(NEIGHBOURS, 200).
-define(LINKS, 20000).

-type children_spec() :: #{
    pid := pid(),
    %% `spawned': whom it spawned, wherever the release tells who spawned whom, else whom it spawned and is linked to.
    %% `supervised': of the process itself and of supervisors only, whom they spawned and are linked to.
    tree := spawned | supervised,
    depth := pos_integer(),
    %% Part of the registered name, in any case.
    name => binary(),
    %% Of the current function, the initial call or the callback.
    module => binary(),
    %% `tree': each process in front of its children; `depth': level by level; `name': those without one last;
    %% `children': by how many.
    sort := tree | depth | name | children,
    limit := pos_integer(),
    order := ascending | descending,
    deadline_ms := non_neg_integer(),
    pause_ms := non_neg_integer(),
    'after' => binary(),
    atom() => term()
}.

-type children() :: #{
    %% The process itself, with the depth 0. `children': how many it has; `supervisor': `true', `false', or `unknown' where
    %% its dictionary was not read. Who may be one has in a tree of supervisors the children that it spawned and is linked
    %% to, as supervisors have.
    root := map(),
    %% Those below it: the words of `listed'. `total' are all that are known, `matched' those of the first ?TREE of them
    %% that pass; `left_out' were not looked at.
    total := non_neg_integer(),
    matched := non_neg_integer(),
    left_out := non_neg_integer(),
    rows := [{term(), map()}],
    next := term(),
    %% `deadline'; `parent': who spawned whom is not told by this release, so that only linked children were seen;
    %% `dictionary': some dictionary was too large to look for a parent or a callback; `links': only the first
    %% thousand links of a process were looked at.
    incomplete := [deadline | parent | dictionary | links]
}.

-type links_spec() :: #{
    pid := pid(),
    depth := 1..2,
    relation => link | monitors | monitored_by,
    %% `to': by the other end, as Erlang orders terms.
    sort := depth | relation | to,
    limit := pos_integer(),
    order := ascending,
    %% Milliseconds within which callbacks are read.
    deadline_ms := non_neg_integer(),
    'after' => binary(),
    atom() => term()
}.

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_copied.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_supervises.hrl").
-include("beamscope_callback.hrl").

%% @doc The keys of a dictionary without the values, the first `limit' of them, those that are large cut, and how many there
%% are: packed `#{count, keys}', or `gone'. For that the whole dictionary is copied here: whoever asks knows that the heap
%% which it lies on is not large.
-spec keys(#{pid := pid(), limit := pos_integer()}) -> binary().
keys(#{pid := Pid, limit := Limit}) ->
    case erlang:process_info(Pid, dictionary) of
        undefined ->
            packed(#{gone => true});
        {_, Entries} ->
            {Keys, _} = lists:unzip(Entries),
            packed(#{count => length(Keys), keys => [cut(Key, ?DICTIONARY_KEY) || Key <- lists:sublist(Keys, Limit)]})
    end.

%% @doc The tree of processes below a process: packed `children()', or `gone'.
-spec children(children_spec()) -> binary().
children(#{pid := Pid, depth := Depth, deadline_ms := Deadline} = Spec) ->
    Timed = Spec#{until => now_ms() + Deadline, calls => #{}},
    {Why, Below} = below(Timed),
    case relative({Pid, undefined, []}, Below, Timed) of
        gone ->
            packed(#{gone => true});
        {Root, Unseen, Children} ->
            {Next, LeftOut} = branch(Children, Pid, [], Depth, ?TREE),
            {Rows, Missed, Missing} = descend([], Depth, ?TREE, Timed, Below, [Next || Next =/= []], {[], LeftOut, Unseen}),
            ByPid = maps:from_list([{At, Row} || #{pid := At} = Row <- Rows]),
            Keys = tree_keys(Rows, Timed),
            {Page, After} = page(Keys, Spec),
            packed(#{
                root => maps:remove(path, Root),
                total => length(Rows) + Missed,
                matched => length(Keys),
                left_out => Missed,
                rows => [{Key, maps:remove(path, map_get(element(2, Key), ByPid))} || Key <- Page],
                next => After,
                incomplete => lists:usort(Why ++ Missing)
            })
    end.

%% What keeps us from seeing all children, and who they are: of a process, and whether it may have some that are
%% supervised.
below(#{tree := Tree, until := Until} = Spec) ->
    HasParents = has_item(parent),
    case {Tree, HasParents} of
        {spawned, true} ->
            Parents = ets:new(children, [private, duplicate_bag]),
            Keep = fun(Pids, _) -> keep_parents(Pids, Parents) end,
            {_, Late} = scan(fun others/1, processes(), Spec, Keep, none),
            {Late, fun(Parent, _) -> {first(ets:select(Parents, [{{Parent, '$1'}, [], ['$1']}])), []} end};
        {spawned, false} ->
            {[parent], fun(Parent, _) -> linked_children(Parent, HasParents, Until) end};
        {supervised, _} ->
            {[], fun
                (Parent, true) -> linked_children(Parent, HasParents, Until);
                (_, _) -> {first([]), []}
            end}
    end.

%% The next processes, without the one that asks: for `scan'.
others([]) ->
    none;
others(Processes) ->
    {Pids, Rest} = thousand(Processes),
    {lists:delete(self(), Pids), Rest}.

%% What those that pass the filters are sorted by.
tree_keys(Rows, #{sort := Sort} = Spec) ->
    Named = [Row || Row <- Rows, is_named(Row, Spec)],
    [{tree_rank(Sort, Row), Pid} || #{pid := Pid} = Row <- runs(Named, Spec)].

tree_rank(tree, #{path := Path}) -> Path;
tree_rank(depth, #{depth := Depth, path := Path}) -> {Depth, Path};
%% What has no name has the name [], which is greater than any atom.
tree_rank(name, #{name := Name}) -> Name;
tree_rank(children, #{children := Count}) -> Count.

is_named(#{name := Name}, #{name := Part}) -> is_atom(Name) andalso contains(atom_to_binary(Name, utf8), Part);
is_named(_, _) -> true.

runs(Rows, #{module := Name}) ->
    Module = existing(Name),
    [Row || #{initial_call := Initial, current_function := Current} = Row <- Rows, lists:member(Module, modules(Initial)) orelse is_in(Module, Current)];
runs(Rows, _) ->
    Rows.

modules({Module, _, _} = Call) -> [Module, module_of(Call)];
modules(_) -> [].

is_in(Module, {Current, _, _}) -> Module =:= Current;
is_in(_, _) -> false.

keep_parents(Pids, Parents) ->
    Answers = lists:zip(lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), parent)), Pids),
    Pairs = ets:match_spec_run(
        Answers, ets:match_spec_compile([{{{parent, '$1'}, '$2'}, [{is_pid, '$1'}], [{{'$1', '$2'}}]}])
    ),
    ets:insert(Parents, Pairs).

%% The children that there is room for on a level, and how many more there are; none below the last level.
branch(_, _, Path, Depth, _) when length(Path) >= Depth ->
    {[], 0};
branch({Count, Children}, Parent, Path, _, Room) ->
    Shown = lists:sublist(Children, Room),
    {[{Child, Parent, Path ++ [age(Child)]} || Child <- Shown], Count - length(Shown)}.

%% How many there are, and in order the first of them that there can be room for. There may be very many: they are not put
%% in order all together.
first(Pids) -> {length(Pids), first(Pids, [])}.

first(Pids, Best) ->
    case thousand(Pids) of
        none -> Best;
        {Some, Rest} -> first(Rest, lists:sublist(lists:merge(Best, lists:sort(Some)), ?TREE))
    end.

%% A number that grows with the processes that a node has spawned: the way to a process by such numbers is its place in
%% the tree, whoever comes and goes beside it.
age(Pid) ->
    [_, Number, Serial] = string:lexemes(pid_to_list(Pid), "<.>"),
    list_to_integer(Serial) bsl 28 + list_to_integer(Number).

%% Level by level: each process on the one that is being read may have some on the next. The callbacks of those on a level
%% are read together.
descend([], Depth, Room, #{until := Until} = Spec, Below, [_ | _] = Next, State) ->
    Level = lists:append(lists:reverse(Next)),
    Calls = callbacks([Pid || {Pid, _, _} <- lists:sublist(Level, Room)], Until),
    descend(Level, Depth, Room, Spec#{calls := Calls}, Below, [], State);
descend([], _, _, _, _, [], State) ->
    State;
descend([At | Rest], Depth, Room, #{until := Until} = Spec, Below, Next, {Rows, LeftOut, Unseen}) ->
    IsLate = now_ms() >= Until,
    case Room > 0 andalso not IsLate andalso relative(At, Below, Spec) of
        false ->
            Waiting = 1 + length(Rest) + lists:sum(lists:map(fun erlang:length/1, Next)),
            {Rows, LeftOut + Waiting, [deadline || IsLate] ++ Unseen};
        gone ->
            descend(Rest, Depth, Room, Spec, Below, Next, {Rows, LeftOut, Unseen});
        {#{pid := Pid, path := Path} = Row, Missed, Children} ->
            {Under, More} = branch(Children, Pid, Path, Depth, Room),
            State = {[Row | Rows], LeftOut + More, lists:usort(Missed ++ Unseen)},
            descend(Rest, Depth, Room - 1, Spec, Below, [Under | Next], State)
    end.

%% A process of the tree as it is told, what could not be seen of it, and its children.
relative({Pid, Parent, Path}, Below, Spec) ->
    case known(Pid, Spec) of
        gone ->
            gone;
        {Callback, Known} ->
            IsSupervisor =
                case {Callback, supervises(Callback)} of
                    {Unread, _} when Unread =:= unread; Unread =:= late -> unknown;
                    {_, none} -> false;
                    {_, _} -> true
                end,
            %% Where the tree begins, that is not asked: who is no supervisor by its module may be one by what it does.
            {{Count, _} = Children, Missed} = Below(Pid, IsSupervisor =/= false orelse Path =:= []),
            Place = #{pid => Pid, parent => Parent, depth => length(Path), path => Path},
            Told = maps:merge(Known, Place#{supervisor => IsSupervisor, children => Count}),
            {Told, missed([Callback]) ++ Missed, Children}
    end.

%% What `proc_lib' has started says to run, by pid.
callbacks(Pids, Until) ->
    Calls = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), initial_call)),
    Started = [{{'$1', {initial_call, {proc_lib, '_', '_'}}}, [], ['$1']}],
    Asked = ets:match_spec_run(lists:zip(Pids, Calls), ets:match_spec_compile(Started)),
    maps:from_list(lists:zip(Asked, dictionary_entries('$initial_call', Asked, Until))).

%% What tells one process from another, after the callback that its dictionary tells, if any.
known(Pid, #{calls := Calls, until := Until}) ->
    case erlang:process_info(Pid, [registered_name, initial_call, current_function]) of
        undefined ->
            gone;
        [{_, Name}, {_, Call}, {_, Current}] ->
            Callback =
                case {Call, Calls} of
                    {_, #{Pid := Read}} -> Read;
                    {{proc_lib, _, _}, _} -> dictionary_entry('$initial_call', Pid, Until);
                    _ -> undefined
                end,
            Initial = hd([Callback || is_tuple(Callback)] ++ [Call]),
            {Callback, #{name => Name, initial_call => Initial, current_function => Current}}
    end.

%% Those that a process has spawned and is linked to; and what keeps us from seeing all of them.
linked_children(Parent, HasParents, Until) ->
    case erlang:process_info(Parent, [links, registered_name]) of
        undefined ->
            {first([]), []};
        [{_, Links}, {_, Name}] ->
            case HasParents of
                true ->
                    {first(spawned_by(Parent, Links, [])), []};
                false ->
                    Linked = lists:filter(fun erlang:is_pid/1, Links),
                    Candidates = local(lists:sublist(Linked, ?CANDIDATES)),
                    Spawners = lists:zip(Candidates, [spawner(It) || It <- dictionary_entries('$ancestors', Candidates, Until)]),
                    Missed =
                        missed([Spawner || {_, Spawner} <- Spawners]) ++
                            [links || length(Linked) > ?CANDIDATES],
                    {first([Pid || {Pid, {by, By}} <- Spawners, By =:= Parent orelse By =:= Name]), Missed}
            end
    end.

%% Who spawned a process, by the list of its ancestors, which there may be many of.
spawner([First | _]) -> {by, First};
spawner(Unread) when Unread =:= unread; Unread =:= late -> Unread;
spawner(_) -> none.

%% Why some of what dictionaries tell is not known.
missed(Read) -> [dictionary || lists:member(unread, Read)] ++ [deadline || lists:member(late, Read)].

%% Those of this node.
local(Pids) ->
    Here = ets:match_spec_compile([{{node(), '$1'}, [], ['$1']}]),
    ets:match_spec_run(lists:zip(lists:map(fun erlang:node/1, Pids), Pids), Here).

%% Those among links that a process has spawned. There may be very many: some at a time.
spawned_by(Parent, Links, Found) ->
    case thousand(Links) of
        none ->
            lists:append(Found);
        {Some, Rest} ->
            Pids = local(lists:filter(fun erlang:is_pid/1, Some)),
            Answers = lists:zip(lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), parent)), Pids),
            Children = ets:match_spec_compile([{{{parent, Parent}, '$1'}, [], ['$1']}]),
            spawned_by(Parent, Rest, [ets:match_spec_run(Answers, Children) | Found])
    end.

%% Whether this release knows an item of process_info/2.
has_item(Item) ->
    try erlang:process_info(self(), Item) of
        _ -> true
    catch
        error:badarg -> false
    end.

%% @doc What a process is linked to, monitors and is monitored by, one step or two out: a packed list.
%% A row tells `from', `relation', `to', of the latter what it is, and where there are several such monitors, as nobody
%% needs more than one, `count'. `total' counts the rows of the processes that were looked at, `sum' what the rows that match
%% stand for. Where one relation is asked for, the neighbours are those of every relation all the same: of what is
%% told about all of them, the rows that have it are shown.
-spec links(links_spec()) -> binary().
links(#{pid := Pid, depth := Depth, sort := Sort, deadline_ms := Deadline} = Spec) ->
    First = relations(1, Pid, []),
    {Second, Why} =
        case Depth of
            1 -> {[], []};
            2 -> further(Pid, First)
        end,
    Wanted = wanted(First ++ Second, Spec),
    {Page, Next} = page(lists:append([foremost(Relation, Spec) || Relation <- Wanted]), Spec),
    Repeated = maps:from_list([{Place, All} || {Place, _, All} <- Wanted, All =/= {}]),
    Keys = [{relation_of(Sort, Key), Key} || Key <- Page],
    Until = now_ms() + Deadline,
    Calls = callbacks(lists:usort([To || {{To, _}, _} <- Keys, is_pid(To), node(To) =:= node()]), Until),
    packed(#{
        total => others(First ++ Second, 0),
        matched => others(Wanted, 0),
        sum => lists:sum([max(length(Others), tuple_size(All)) || {_, Others, All} <- Wanted]),
        rows => [{Key, link_row(Relation, Repeated, #{calls => Calls, until => Until})} || {Relation, Key} <- Keys],
        next => Next,
        incomplete => Why
    }).

%% How many others all relations together have.
others([], Count) -> Count;
others([{_, Others, _} | Relations], Count) -> others(Relations, Count + length(Others)).

%% Keys of a relation, more than a page has of those that it may begin with: a process may have a million.
foremost({Place, Others, _}, #{sort := Sort, limit := Limit} = Spec) ->
    case some(Limit + 1000, Others) of
        none ->
            [];
        {Some, Rest} ->
            Last = link_key(Sort, Place, lists:last(Some)),
            case behind([{Last, erlang:phash2(Last)}], Spec) of
                [] -> foremost({Place, Rest, {}}, Spec);
                _ -> [link_key(Sort, Place, Other) || Other <- Some ++ lists:sublist(Rest, Limit)]
            end
    end.

link_key(depth, Place, To) -> {Place, To};
link_key(relation, {Level, From, Relation}, To) -> {{Relation, Level, From}, To};
link_key(to, Place, To) -> {To, Place}.

relation_of(depth, {Place, To}) -> {To, Place};
relation_of(relation, {{Relation, Level, From}, To}) -> {To, {Level, From, Relation}};
relation_of(to, Key) -> Key.

link_row({To, {Level, From, Relation} = Place}, Repeated, Spec) ->
    Row = maps:merge(#{depth => Level, from => From, relation => Relation, to => To}, identity(To, Spec)),
    case times(To, maps:get(Place, Repeated, {})) of
        Count when Count > 1 -> Row#{count => Count};
        _ -> Row
    end.

%% How often something is among others in order.
times(To, All) ->
    foremost_of(All, fun(Other) -> Other =< To end, 0, tuple_size(All)) -
        foremost_of(All, fun(Other) -> Other < To end, 0, tuple_size(All)).

%% How many of a tuple in order, which are the first, are so.
foremost_of(_, _, Least, Least) ->
    Least;
foremost_of(All, Is, Least, Most) ->
    Middle = (Least + Most + 1) div 2,
    case Is(element(Middle, All)) of
        true -> foremost_of(All, Is, Middle, Most);
        false -> foremost_of(All, Is, Least, Middle - 1)
    end.

%% What neighbours are linked to, as far as they are looked at. The way back to where we come from is known.
further(Pid, First) ->
    Near = lists:append([lists:sublist(Others, ?CANDIDATES) || {_, Others, _} <- First]),
    Around = lists:usort([To || To <- lists:sublist(Near, ?CANDIDATES), is_pid(To), node(To) =:= node()]),
    {Found, Why} = further(lists:sublist(Around -- [Pid], ?NEIGHBOURS), Pid, []),
    {Found, [neighbours || Why orelse others(First, 0) > ?CANDIDATES orelse length(Around) > ?NEIGHBOURS]}.

further([], _, Found) ->
    {Found, false};
further([From | Rest], Pid, Found) ->
    case others(Found, 0) > ?LINKS of
        true -> {Found, true};
        false -> further(Rest, Pid, relations(2, From, [Pid]) ++ Found)
    end.

%% Those of the relation that is asked for.
wanted(Relations, #{relation := Wanted}) -> [Known || {{_, _, Relation}, _, _} = Known <- Relations, Relation =:= Wanted];
wanted(Relations, _) -> Relations.

%% `{{Level, From, Relation}, Others, All}', the others in order, each once, without some; and where there are some several
%% times, a tuple of all in order. There may be very many: nothing here runs once for each, and nothing is made of
%% each.
relations(Level, Pid, Without) ->
    [
        counted({Level, Pid, Relation}, lists:sort(related(erlang:process_info(Pid, Item))), [self() || Relation =:= monitored_by] ++ Without)
     || {Relation, Item} <- [{link, links}, {monitors, monitors}, {monitored_by, monitored_by}]
    ].

counted(Place, All, Without) ->
    Others = lists:usort(All),
    Left = Others -- Without,
    case length(All) - length(Others) of
        0 ->
            {Place, Left, {}};
        _ ->
            Wanted = ets:match_spec_compile([{'$1', [{'=/=', '$1', {const, Other}} || Other <- Without], ['$1']}]),
            {Place, Left, list_to_tuple(ets:match_spec_run(All, Wanted))}
    end.

related(undefined) -> [];
related({monitors, Monitors}) -> ets:match_spec_run(Monitors, ets:match_spec_compile([{{'_', '$1'}, [], ['$1']}]));
related({_, Others}) -> Others.

%% What is known of the other end.
identity(Pid, Spec) when is_pid(Pid), node(Pid) =:= node() ->
    case known(Pid, Spec) of
        gone -> #{gone => true};
        {_, Known} -> Known
    end;
identity(Port, _) when is_port(Port), node(Port) =:= node() ->
    case erlang:port_info(Port, name) of
        {name, Name} -> #{port => unicode:characters_to_binary(lists:sublist(Name, ?PORT_NAME))};
        undefined -> #{gone => true}
    end;
identity({Name, Node}, _) when is_atom(Name), is_atom(Node) ->
    #{name => Name, node => Node};
identity(Other, _) when is_pid(Other); is_port(Other) ->
    #{node => node(Other)};
identity(_, _) ->
    #{}.
