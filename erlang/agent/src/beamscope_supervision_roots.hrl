%% Where a tree begins: at one process, at an application, or at all that run. To be included behind
%% beamscope_supervision_walk.hrl, in front of the first function.

%% The rows at the top.
roots(#{root := Pid} = Spec) when is_pid(Pid) ->
    root(Pid, [], Spec);
roots(#{root := Name} = Spec) ->
    Atom = existing(Name),
    Tops = numbered(tops(Atom, ets:lookup(ac_tab, {application_master, Atom}), Spec), [], [], 1),
    case {whereis(Atom), Tops} of
        {Pid, _} when is_pid(Pid) -> root(Pid, Tops, Spec);
        {_, []} -> error({no_root, Atom});
        {_, _} -> Tops
    end;
roots(Spec) ->
    Masters = lists:sort(ets:match_object(ac_tab, {{application_master, '_'}, '_'})),
    numbered(lists:append([tops(Name, [Entry], Spec) || {{_, Name}, _} = Entry <- Masters]), [], [], 1).

%% A process, or where that is no supervisor, the tops of the application that has its name.
root(Pid, Tops, Spec) ->
    {Callback, Ancestors} = origin(Pid, [], Spec#{permitted => [Pid]}),
    Parents = case Callback of unread -> parents(Pid, Spec); _ -> parent(Ancestors) end,
    IsTop = Callback =:= unread andalso lists:any(fun is_starter/1, Parents),
    IsKnown = supervises(Callback) =/= none orelse IsTop,
    Called = [Modules || not IsKnown, Tops =:= [], {supervisor, Modules} <- called(Pid, Parents, Spec)],
    case IsKnown orelse Called =/= [] of
        true ->
            Modules = hd([modules(Callback) || is_tuple(Callback)] ++ Called ++ [[]]),
            [top_row([1], Pid, Modules)];
        false when Tops =/= [] ->
            Tops;
        false when Callback =:= gone ->
            error({ended, Pid});
        false when Callback =:= unread ->
            error({unread, used(Pid)});
        false ->
            error({not_a_supervisor, Callback, erlang:process_info(Pid, current_function), application(Pid)})
    end.

%% Of one that no supervisor names, by its own name, or else its module.
top_row(Path, Pid, Modules) ->
    Names = [Name || {_, Name} <- [erlang:process_info(Pid, registered_name)]],
    #{
        path => Path,
        depth => 1,
        id => hd(Names ++ Modules ++ [undefined]),
        above => [],
        status => running,
        pid => Pid,
        type => supervisor,
        modules => Modules
    }.

%% What the supervisor that has started a process calls it, though nothing else may say so: `{Type, Modules}'.
called(Pid, Parents, Spec) ->
    Told = [
        {Type, Modules}
     || Parent <- Parents,
        is_pid(Parent) andalso node(Parent) =:= node(),
        #{is_large := false} <- [found(#{pid => Parent, modules => []}, Spec)],
        {answer, {_, _, Children, _}} <- [asked(Parent, ?ASKED_CHILDREN, Spec)],
        {_, Child, Type, Modules, _} <- Children,
        Child =:= Pid
    ],
    collect([Parent || Parent <- Parents, is_here(Parent), Told =/= []], Spec),
    Told.

%% The application that a process belongs to: the one whose master leads its group.
application(Pid) ->
    Leaders = [Leader || {_, Leader} <- [erlang:process_info(Pid, group_leader)]],
    Names = [Name || Leader <- Leaders, [Name] <- ets:match(ac_tab, {{application_master, '$1'}, Leader})],
    hd(Names ++ [undefined]).

%% The processes that an application has at its top. Its master is linked to a process that has started them and is
%% linked to them.
tops(Name, [{_, Master}], Spec) when is_pid(Master) ->
    Starters = lists:filter(fun is_starter/1, linked(Master)),
    [
        {Name, Pid, type(Callback, supervisor), modules(Callback), []}
     || Starter <- Starters,
        Pid <- linked(Starter),
        Pid =/= Master,
        {Callback, Ancestors} <- [origin(Pid, [], Spec#{permitted => [Pid]})],
        Callback =:= unread orelse lists:sublist(Ancestors, 1) =:= [Starter]
    ];
tops(_, _, _) ->
    [].
