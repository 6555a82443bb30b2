%% Which processes work for the node that asks. To be included behind the types and in front of the first function.
%%
%% By a group leader on that node, which whatever a call starts inherits; on this node itself nothing is known by that. Who
%% stays behind a call, as a janitor does, has left our group, and bears our name.

-compile({nowarn_unused_function, [{is_own, 2}, {own_guard, 2}]}).

is_own(Name, Leader) ->
    (is_atom(Name) andalso lists:prefix("beamscope_", atom_to_list(Name))) orelse
        (node(Leader) =/= node() andalso node(Leader) =:= node(group_leader())).

%% The same as a guard of a match specification, of variables for `registered_name' and `group_leader'. Atoms are in the
%% order of their characters, of which ` is the next behind _.
own_guard(Name, Leader) ->
    IsNamed = {'andalso', {is_atom, Name}, {'>=', Name, beamscope_}, {'<', Name, 'beamscope`'}},
    case node(group_leader()) of
        Node when Node =:= node() -> IsNamed;
        Node -> {'orelse', IsNamed, {'=:=', {node, Leader}, {const, Node}}}
    end.
